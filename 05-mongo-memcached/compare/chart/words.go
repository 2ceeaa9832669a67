package main

// words are what the page of a language says around the numbers of scale.txt.
type words struct {
	memory                                     string // the store's name
	stored, visitors, expiry, cluster, sums    []string
	startsOver, failed, allFail                string
	within                                     [2]string
	redis, memcached, ferret, inMemory, cookie string // what limits them
	until                                      string
}

// store returns the name of a store.
func (w words) store(name string) string {
	if name == "memory" {
		return w.memory
	}
	return name
}

var languages = map[string]words{
	"README.md": {
		memory:     "memory",
		stored:     []string{"store", "stored", "bytes a session", "the process", "median", "99th percentile", "answers again after a restart"},
		visitors:   []string{"store", "instances", "1 visitor", "10", "100", "1,000"},
		expiry:     []string{"store", "all expire within", "99 % before", "99 % meanwhile", "longest before", "longest meanwhile", "still there afterwards"},
		cluster:    []string{"nodes", "visits a second", "99th percentile", "time of all nodes for a visit"},
		sums:       []string{"sessions", "memory", "visits a second", "of one core", "network", "restart", "nodes"},
		startsOver: ", empty",
		failed:     ", %.0f %% fail",
		allFail:    "all fail",
		within:     [2]string{"a minute", "a second"},
		redis: "- **Redis: the restart, and its one core.** It takes %s to read a million sessions again, and its " +
			"visitors get a 503 until then. A visit keeps its core busy for %s µs, so one Redis answers about %s visits a second at most, " +
			"however many instances ask. Memory is the least of it: %s bytes a session.\n",
		memcached: "- **memcached: the memory that you give it.** With its default of 64 MB it kept %s of 1,000,000 " +
			"sessions, and dropped the others without an error. Give it more with `-m`.\n",
		ferret: "- **MongoDB: not measured here.** FerretDB, its stand-in, gets slower with each session: %s for a " +
			"visit with 1,000 sessions, %s with 100,000. That is FerretDB's update, not MongoDB's, which finds a " +
			"document by the index on `_id`.\n",
		inMemory: "- **memory: one process.** A million sessions take %s GB, and the 99th percentile is %s with a " +
			"thousand sessions and %s with a million. There is no second instance, and a restart loses everything.\n",
		cookie: "- **cookie: nothing is stored**, so no number of sessions is too big. Its limit is the size of one " +
			"session, [2,211 bytes](../README.md#five-stores-side-by-side).\n",
		until: "So one Redis is enough for %s sessions by memory, for %s by its core, and for %s by the time of a restart. (That one hardly counts once a replica takes over.)",
	},
	"README.zh-CN.md": {
		memory:     "内存",
		stored:     []string{"存储引擎", "已存 session 数", "每个 session 的字节数", "进程占用", "中位数", "99 分位", "重启后多久恢复响应"},
		visitors:   []string{"存储引擎", "实例数", "1 个访客", "10", "100", "1,000"},
		expiry:     []string{"存储引擎", "在多久之内全部过期", "过期前 99 分位", "过期中 99 分位", "过期前最慢", "过期中最慢", "结束时还占着内存的"},
		cluster:    []string{"节点数", "每秒访问数", "99 分位", "所有节点处理一次访问的 CPU 时间"},
		sums:       []string{"session 数", "内存", "每秒访问数", "占一个核的比例", "网络", "重启", "节点数"},
		startsOver: "，已清空",
		failed:     "，%.0f %% 失败",
		allFail:    "全部失败",
		within:     [2]string{"一分钟", "一秒"},
		redis: "- **Redis：重启，以及只用一个核。** 重启后要花 %s 才能把一百万个 session 读回来，在此之前访客只能得到 503。" +
			"一次访问要占用它的核 %s µs，所以不管前面有多少个实例，一个 Redis 每秒最多处理约 %s 次访问。" +
			"最不用担心的是内存：每个 session %s 字节。\n",
		memcached: "- **memcached：你分给它的内存。** 默认只有 64 MB，存入 1,000,000 个 session，只留下 %s 个，" +
			"其余的被悄悄丢弃，不报任何错误。用 `-m` 可以多给一些。\n",
		ferret: "- **MongoDB：这里没有测。** 替代品 FerretDB 会随 session 增多而变慢：存了 1,000 个时一次访问要 %s，" +
			"存了 100,000 个时要 %s。慢在 FerretDB 的更新操作；MongoDB 通过 `_id` 上的索引查找文档，不会这样。\n",
		inMemory: "- **内存：只有一个进程。** 一百万个 session 占 %s GB；99 分位在一千个 session 时是 %s，" +
			"一百万个时是 %s。不能再加实例，一重启就全部丢失。\n",
		cookie: "- **cookie：服务端什么都不存**，所以 session 再多也无妨。受限的是单个 session 的大小：" +
			"[2,211 字节](../README.zh-CN.md#五种存储引擎并排比较)。\n",
		until: "也就是说，一个 Redis 能撑住的 session 数，按内存算是 %s，按 CPU 算是 %s，按重启时间算是 %s（有副本接替的话，最后这一项就不太要紧了）。",
	},
}
