package ci

import "testing"

func TestTheCheckerFindsDeadLinks(t *testing.T) {
	testPages(t, "02/README.md", []pageTest{
		{"links", "# Über: [x](main.go), 'z'\n[a](../01) [b](main.go) [c](../README.md#one-two-1) [d](#über-x-z)\n" +
			"[e](https://example.com/no) [f](..#all) [g]\n\n[g]: ../README.md", ""},
		{"dead link", "\nsee [this](../03/main.go)", "02/README.md:2: dead link: ../03/main.go"},
		{"dead link in a table", "| a |\n|---|\n| [this](gone.go) |", "02/README.md:3: dead link: gone.go"},
		{"dead image", "![this](gone.svg)", "02/README.md:1: dead link: gone.svg"},
		{"dead reference", "\n[this]: ../04", "02/README.md:2: dead link: ../04"},
		{"dead reference in use", "[this]\n\n[this]: ../04", "02/README.md:3: dead link: ../04"},
		{"link out of the repository", "[up](../../)", "dead link: ../../"},
		{"dead anchor", "[this](../README.md#three)", "dead link: ../README.md#three"},
		{"dead anchor here", "# Here\n[this](#there)", "dead link: #there"},
		{"heading in a block", "[this](#here)\n'''sh\n# Here\n'''", "dead link: #here"},
		{"anchor of a line", "[this](main.go#L3)", "dead link: main.go#L3"},
	})
}
