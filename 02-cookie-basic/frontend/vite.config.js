export default {
	server: {
		proxy: {
			"/api": { target: "http://localhost:8000", changeOrigin: false },
		},
	},
}
