# The commands of the program that the tests of an upgrade take for the next version (make's mode
# `next`): one more, of version 2.
s/^    Restored restored = 74;$/&\n    Note note = 75;/
s/^message Restored {/message Note { string text = 1; }\n&/
