package ci

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePagesNameTheVersionsOfGoMod(t *testing.T) {
	t.Parallel()
	versions, err := requirements(repository)
	require.NoError(t, err)
	require.Contains(t, versions, "github.com/gin-gonic/gin")
	for _, p := range pages(t) {
		report(t, p.checkVersions(versions))
	}
}

func TestTheCheckerFindsWrongVersions(t *testing.T) {
	t.Parallel()
	versions := map[string]string{"github.com/gin-gonic/gin": "v1.12.0", "github.com/gin-contrib/sessions": "v1.1.0"}
	for text, problem := range map[string]string{
		"gin v1.12.0, gin-contrib/sessions v1.1.0 and since v1.0.3": "",
		"go get github.com/gin-gonic/gin@v1.12.0":                   "",
		"\ngin v1.11.0": "02/README.md:2: github.com/gin-gonic/gin is v1.12.0 in go.mod, not v1.11.0",
		"go get github.com/gin-contrib/sessions@v1.0.4": "not v1.0.4",
		"gin-contrib/sessions v1.0.4":                   "not v1.0.4",
	} {
		p, err := write(t, map[string]string{"02/README.md": text}).page("02/README.md")
		require.NoError(t, err)
		requireProblem(t, problem, p.checkVersions(versions))
	}
}
