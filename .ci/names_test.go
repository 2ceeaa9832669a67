package ci

import "testing"

func TestTheCheckerFindsWrongTestNames(t *testing.T) {
	tests := []pageTest{
		{"test names", "'TestSum', 'TestSum/one', ['FuzzSum'](../03/main_test.go), ['TestSum'](#tests) and 'gin.TestMode'\n# Tests", ""},
		{"subtest in another file of the folder", "'TestSum/one_and_two/redis'", ""},
		{"subtest of the kit", "['TestSum/it_holds_(always)'](main_test.go)", ""},
		{"unknown test", "'TestSum' and 'TestProduct/one'", "02 has no test TestProduct"},
		{"unknown subtest", "\n'TestSum/three'", `02/README.md:2: TestSum has no subtest "three"`},
		{"subtest of another folder", "'TestSum/deep'", "TestSum has no subtest"},
		{"test of a folder below", "'TestDeep'", "02 has no test TestDeep"},
		{"test of another folder", "'FuzzSum'", "02 has no test FuzzSum"},
		{"test not where it links to", "['TestSum'](../03/main_test.go)", "../03/main_test.go has no test TestSum"},
	}
	testPages(t, "02/README.md", tests)
}

func TestTheCheckerKnowsWhereAPageMayFindItsTests(t *testing.T) {
	t.Run("its own folder and the chapter's", func(t *testing.T) {
		testPages(t, "02/sub/README.md", []pageTest{
			{"both", "'TestDeep/deep' and 'TestSum/one'", ""},
			{"another", "'FuzzSum'", "02/sub has no test FuzzSum"},
		})
	})
	t.Run("anywhere", func(t *testing.T) {
		testPages(t, ".github/CONTRIBUTING.md", []pageTest{
			{"all", "'TestDeep', 'TestSum' and 'FuzzSum'", ""},
			{"none", "'TestProduct'", "./... has no test TestProduct"},
			{"subtest of another folder", "'TestSum/deep'", "TestSum has no subtest"},
		})
	})
}
