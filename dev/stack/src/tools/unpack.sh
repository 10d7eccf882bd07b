# Unpacks a Debian package and all it needs that is not installed, into ./tree. Installs nothing.
set -eu
plan=$(apt-get install --simulate --no-install-recommends "$1")
packages=$(printf '%s\n' "$plan" | sed -n 's/^Inst \([^ ]*\) .*/\1/p')
[ -n "$packages" ] || { echo "$1 is installed, but its program is not where it was looked for"; exit 1; }
# The names hold no blanks.
apt-get download --quiet $packages
for file in *.deb; do
    dpkg-deb --extract "$file" tree
    rm "$file"
done
# Scripts in here have the names of the programs that they start, at paths where these are not.
rm -rf tree/etc
for file in tree/usr/bin/*; do
    [ "$(head -c 2 "$file")" != '#!' ] || rm "$file"
done
libraries="tree/usr/lib/$(dpkg --print-architecture | sed 's/amd64/x86_64/; s/arm64/aarch64/')-linux-gnu"
# Some packages keep private libraries one folder below.
find "$libraries" -maxdepth 2 -name 'lib*.so*' -exec dirname {} ';' | sort -u > libraries
