package ci

import "testing"

func TestTheCheckerFindsWrongCommands(t *testing.T) {
	testPages(t, "02/README.md", []pageTest{
		{"commands", "'go run ./02' 'go test ./...' 'go test -race ./02 ./03' 'go test ./03 -fuzz=Sum' 'docker compose up -d redis mongo'\n" +
			"'''sh\nGIN_MODE=release go run ./02 # serves\ngo test ./02 -run \"TestS|No/one\" -v\ndocker compose exec redis redis-cli\n'''", ""},
		{"services of the compose.yml beside the page", "'docker compose up -d web web2'", ""},
		{"go run of a missing folder", "'go run ./04'", "go run: ./04 has no package main"},
		{"go run of a package without main", "'''sh\n\ngo run ./03\n'''", "02/README.md:3: go run: ./03 has no package main"},
		{"go test of a folder without tests", "'go test ./01'", "go test: ./01 has no tests"},
		{"go test of the kit without its tests", "'go test ./01-install/...'", "go test: ./01-install/... has no tests"},
		{"go test of a missing folder", "'go test ./02 ./04/...'", "go test: ./04/... has no tests"},
		{"go test -run of nothing", "'go test -run TestProduct ./02'", "no test there matches TestProduct"},
		{"go test -fuzz of everything in no folder", "'go test -fuzz . ./01'", "go test: ./01 has no tests"},
		{"go test -bench of nothing", "'go test -bench Product ./02'", "no test there matches Product"},
		{"go test -run of a bad pattern", "'go test -run=( ./02'", "missing closing"},
		{"unknown service", "'''console\n$ docker compose up -d redis data\n'''", "docker-compose.yml has no service data"},
		{"key of a service", "'docker compose up -d image'", "docker-compose.yml has no service image"},
	})
}
