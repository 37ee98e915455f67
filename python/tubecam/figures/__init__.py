"""Contact sheets and the sheet of methods: a video or a moment on one page."""
