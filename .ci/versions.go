package ci

import (
	"os/exec"
	"regexp"
	"strings"
)

// Versions that a page names, as "gin v1.12.0" or "…/gin@v1.12.0", are those of go.mod.
// Of an older one a page speaks without the name: "since v1.0.3".

// namedVersion is the end of a module's path, and a version behind it.
var namedVersion = regexp.MustCompile(`([\w./-]+)[ @](v\d+\.\d+\.\d+)\b`)

// requirements returns the versions in go.mod, by the paths of the modules.
func requirements(tr *tree) (map[string]string, error) {
	command := exec.Command("go", "list", "-m", "-f", "{{.Path}} {{.Version}}", "all")
	command.Dir = tr.root
	output, err := command.Output()
	versions := map[string]string{}
	for line := range strings.Lines(string(output)) {
		path, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		versions[path] = version
	}
	return versions, err
}

// checkVersions compares what a page says with these requirements.
func (p *page) checkVersions(versions map[string]string) []string {
	for i, line := range p.lines {
		for _, match := range namedVersion.FindAllStringSubmatch(line, -1) {
			for path, version := range versions {
				if strings.HasSuffix("/"+path, "/"+match[1]) && version != match[2] {
					p.problem(i+1, "%s is %s in go.mod, not %s", path, version, match[2])
				}
			}
		}
	}
	return p.problems
}
