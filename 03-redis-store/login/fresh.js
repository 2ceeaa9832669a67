// A browser may keep a page in memory, whatever Cache-Control says, and show it when
// somebody goes back after the logout. Then ask the program again.
addEventListener("pageshow", event => { if (event.persisted) location.reload() })
