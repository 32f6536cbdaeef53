"""Names of folders that URIs, templates or shells read as something else."""

AWKWARD = ("a%20b", "job%2Fmain", "a?b=c", "a#b", "a{b}", "a [b]", "a+b&c", "a@b", "ünï", "x" * 200)
