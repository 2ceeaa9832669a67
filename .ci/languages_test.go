package ci

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// X.zh-CN.md says what X.md says. They are compared section by section: the levels
// of the headings, the code, the links, the numbers, the shapes of the tables, and
// the blocks, in which only the words of a diagram and those after the @@ of a diff
// are translated. The pages in .github are for those who carry this on: in English.

func TestTheLanguagesAreInStep(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		if path.Dir(p.name) != ".github" && (!p.isChinese() || !exists(p.tree, p.otherLanguage())) {
			report(t, checkLanguages(p))
		}
	}
}

func TestTheCheckerFindsDifferentLanguages(t *testing.T) {
	t.Parallel()
	const toChinese, toEnglish = "English · [简体中文](X.zh-CN.md)\n", "[English](X.md) · 简体中文\n"
	const english = "# Title\n\nUse 'Save', 'TestA' and [the link](#the-end): 4,096 bytes.\n\n" +
		"| a | b |\n|---|---|\n| 'x' | y |\n\n" +
		"'''mermaid\nsequenceDiagram\n    participant B as Browser\n    B->>G: the cookie\n    alt it is there\n    A -- no --> B{\"May it?\"}\n'''\n\n" +
		"'''diff\n@@ why\n-a\n+b\n'''\n\n## The end\n\n[up](../README.md) [lone](lone.md)\n\n<details>\n<summary>30 days</summary>\n"
	chinese := strings.NewReplacer("# Title", "# 标题", "Use 'Save', 'TestA' and [the link](#the-end)", "['TestA' 和 'Save'](#结尾)", "bytes", "字节",
		"Browser", "浏览器", "the cookie", "带上 cookie", "it is there", "还在", "-- no --", "-- 否 --", "May it?", "可以吗？", "why", "为什么",
		"The end", "结尾", "../README.md", "../README.zh-CN.md", "days", "天").Replace(english)
	for _, test := range []struct{ name, old, new, problem string }{
		{"in step", "", "", ""},
		{"no link between them", "[English](X.md)", "English", "a/X.zh-CN.md:1: the first line is [English](X.md)"},
		{"a section more", "# 标题", "# 标题\n\n# 更多", "a/X.md has 2 headings in English and 3 in Chinese"},
		{"another level", "## 结尾", "### 结尾", `heading of "The end" differ`},
		{"other code", "'Save'", "'Get'", `only in English: ["Save"]` + "\n" + `only in Chinese: ["Get"]`},
		{"another link", "#结尾", "#标题", `links of "Title" differ`},
		{"a link to the other language", "../README.zh-CN.md", "../README.md", `links of "The end" differ`},
		{"another number", "4,096", "4,095", `only in Chinese: ["4,095"]`},
		{"another number in HTML", "30 天", "31 天", `only in Chinese: ["31"]`},
		{"a row less", "| 'x' | y |\n", "\n'x'\n", `tables of "Title" differ`},
		{"a column more", "| 'x' | y |", "| 'x' | y | z |", `tables of "Title" differ`},
		{"another block", "+b", "+c", `blocks of "Title" differ`},
		{"a block more", "'''diff", "'''sh\n'''\n\n'''diff", `blocks of "Title" differ`},
		{"another arrow", "B->>G", "G->>B", `blocks of "Title" differ`},
		{"another way", "否 -->", "否 ---", `blocks of "Title" differ`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tr := write(t, map[string]string{
				"README.md": "", "README.zh-CN.md": "", "a/lone.md": "",
				"a/X.md":       toChinese + "\n" + english,
				"a/X.zh-CN.md": strings.Replace(toEnglish+"\n"+chinese, test.old, test.new, 1),
			})
			p, err := tr.page("a/X.md")
			require.NoError(t, err)
			problems := strings.Join(checkLanguages(p), "\n")
			if test.problem == "" {
				require.Empty(t, problems)
			}
			require.Contains(t, problems, test.problem)
		})
	}
}

func TestTheCheckerFindsAMissingLanguage(t *testing.T) {
	t.Parallel()
	for name, missing := range map[string]string{"X.md": "X.zh-CN.md", "X.zh-CN.md": "X.md"} {
		p, err := write(t, map[string]string{name: "# Title\n"}).page(name)
		require.NoError(t, err)
		requireProblem(t, missing, checkLanguages(p))
	}
}
