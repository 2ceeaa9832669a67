package ci

import "testing"

func TestTheCheckerFindsWrongExcerpts(t *testing.T) {
	testPages(t, "02/README.md", []pageTest{
		{"excerpt", "'main.go':\n'''go\nfunc main() {\n\tif true {\n'''", ""},
		{"excerpt at the margin", "'main.go':\n'''go\nprintln(1)\n\nprintln(22)\n'''", ""},
		{"excerpt in a list", "- 'main.go':\n  '''go\n  println(1)\n\n  println(22)\n  '''", ""},
		{"excerpt in a quotation", "> 'main.go':\n>\n> '''go\n> println(1)\n> '''", ""},
		{"excerpt with elisions", "'main.go':\n'''go\nfunc main() {\n\t// …\n\tprintln(4)\n…\n'''", ""},
		{"excerpt of another file", "In '../01/main.go':\n\n'''go\nprintln(2)\n'''", ""},
		{"settings", "'compose.yml':\n'''yaml\n  web: &web\n  # …\n  web2:\n'''\n\nAnother one:\n'''nginx\nlisten 80;\n'''", ""},
		{"changed settings", "'compose.yml':\n'''yaml\n  web3:\n'''", `does not stand in compose.yml: first line not found: "  web3:"`},
		{"changed excerpt", "'main.go':\n'''go\nif true {\n\tprintln(2)\n'''",
			`02/README.md:2: this excerpt does not stand in main.go: first line not found: "\tprintln(2)"`},
		{"excerpt with blanks for tabs", "'main.go':\n'''go\nif true {\n    println(1)\n'''", "does not stand in main.go"},
		{"excerpt that leaves a line out", "'main.go':\n'''go\nfunc main() {\n\t\tprintln(1)\n'''", "does not stand in main.go"},
		{"excerpt in the wrong order", "'main.go':\n'''go\nprintln(4)\n…\nprintln(1)\n'''", "does not stand in main.go"},
		{"excerpt of nothing", "'main.go':\n'''go\n// …\n'''", "shows nothing"},
		{"no file name", "The program:\n'''go\nprintln(1)\n'''", "names its file"},
		{"two file names", "'main.go' or '../01/main.go':\n'''go\nprintln(1)\n'''", "names its file"},
		{"file name too far above", "'main.go'\n\nprints:\n'''go\nprintln(1)\n'''", "names its file"},
		{"missing file", "'gone.go':\n'''go\nprintln(1)\n'''", "gone.go"},
		{"block of no kind", "'''\nprintln(1)\n'''", `a block of ""`},
		{"unknown kind of block", "'main.go':\n'''golang\nprintln(1)\n'''", `a block of "golang"`},
		{"block without a fence", "Run:\n\n    go run ./02", "02/README.md:3: an indented block"},
	})
}

func TestTheCheckerFindsWrongDiffs(t *testing.T) {
	const files = "'../01/main.go' → 'main.go':\n\n'''diff\n"
	testPages(t, "02/README.md", []pageTest{
		{"diff", files + "--- a\n+++ b\n@@ -1 +1 @@\n \t\tprintln(1)\n\n-\t\tprintln(2)\n+\t\tprintln(22)\n@@\n-\tprintln(3)\n+\tprintln(4)\n'''", ""},
		{"diff without two file names", "'main.go':\n'''diff\n-\tprintln(3)\n+\tprintln(4)\n'''", "names the old file and the new one"},
		{"diff with three file names", "'main.go', " + files + "-\tprintln(3)\n+\tprintln(4)\n'''", "names the old file and the new one"},
		{"diff with a missing file", "'../00/main.go' → 'main.go':\n'''diff\n-\tprintln(3)\n+\tprintln(4)\n'''", "00/main.go"},
		{"diff of equal files", "'main.go' → 'main.go':\n'''diff\n-\tprintln(3)\n+\tprintln(4)\n'''", "no difference"},
		{"diff with a wrong old side", files + "-\tprintln(5)\n+\tprintln(4)\n'''",
			`does not stand in ../01/main.go → main.go: first line not found: "-\tprintln(5)"`},
		{"diff with a wrong new side", files + "-\tprintln(3)\n+\tprintln(5)\n'''",
			`does not stand in ../01/main.go → main.go: first line not found: "+\tprintln(5)"`},
		{"diff that forgets the new side", files + " \t}\n-\tprintln(3)\n }\n'''", `first line not found: " }"`},
		{"diff in the wrong order", files + "-\tprintln(3)\n@@\n-\t\tprintln(2)\n'''", `first line not found: "-\t\tprintln(2)"`},
		{"diff without a change", files + " }\n@@\n-\tprintln(3)\n+\tprintln(4)\n'''", "changes nothing"},
		{"diff with another line", files + "println(3)\n-\tprintln(3)\n+\tprintln(4)\n'''", `first line not found: "println(3)"`},
	})
}
