#!/bin/sh
# Shows what would be deployed; the real thing is done elsewhere.
set -eu
git describe --tags --always
