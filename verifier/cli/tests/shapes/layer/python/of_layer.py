WORD = "worked"
