package ci

import "testing"

func TestTheCheckerFindsWrongPagesOfQuestions(t *testing.T) {
	const one, two = "## One?\n\nYes: 'TestSum'.\n\n", "## Two?\n\nSee [one](#one).\n\n['TestSum'](main_test.go)\n\n"
	const list = "# Questions\n\n- [One?](#one)\n- [Two?](#two)\n\n"
	testPages(t, "02/QUESTIONS.md", []pageTest{
		{"questions", list + one + two, ""},
		{"no list", one + two, `Listed: [], asked: ["#one" "#two"]`},
		{"a question that is not listed", list + one + two + "## Three?\n\n'TestSum'\n", "in order. Listed"},
		{"another order", list + two + one, "in order. Listed"},
		{"no questions", "# Questions\n", "in order. Listed"},
		{"no test", list + "## One?\n\nYes: 'main.go'.\n\n" + two, "02/QUESTIONS.md:10: the question above names no test"},
		{"no test in the last one", list + one + "## Two?\n\nNo.\n", "the question above names no test"},
	})
}
