# SPDX-License-Identifier: Apache-2.0
# For check and bin/notebook, which source it in the folder python with python and target set.

# environment DIRECTORY REQUIREMENTS: installs once for each content of the requirements.
environment() {
  local wanted
  wanted=$("$python" -V; cat requirements.txt "$2")
  if [[ ! -f $1/installed || $(<"$1/installed") != "$wanted" ]]; then
    rm -rf "$1"
    "$python" -m venv "$1"
    "$1/bin/pip" install -q --disable-pip-version-check -r "$2"
    printf '%s\n' "$wanted" >"$1/installed"
  fi
}

# pyspark_of LINE: the version of PySpark that is tested on a line of Spark.
pyspark_of() {
  sed -n "s/^$1 //p" lines.txt
}

# wheel ENVIRONMENT JAR...: the package with the jars in it, one a line of Spark, in target/dist.
wheel() {
  rm -rf "$target/package" "$target/dist"
  mkdir -p "$target/package" "$target/dist"
  cp -r pyproject.toml src "$target/package/"
  mkdir "$target/package/src/sparkdiskcache/jars"
  cp "${@:2}" "$target/package/src/sparkdiskcache/jars/"
  "$1/bin/pip" wheel -q --no-deps --no-build-isolation -w "$target/dist" "$target/package"
}
