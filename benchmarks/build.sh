# SPDX-License-Identifier: Apache-2.0
# For bin/demo and bin/bench, which source it: takes --spark LINE, finds Java, builds what is missing or out of
# date, and sets home, target, java, cache_jar, classpath, line and rest, the other arguments.
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
command=bin/$(basename "$0")
source "$home/bin/line.sh"
take_line "$@" || exit
target=$home/benchmarks/$target_name
cache_jar=$jar

fail() {
  echo "$command: $*" >&2
  exit 1
}

java=${JAVA_HOME:+$JAVA_HOME/bin/}java
command -v "$java" >/dev/null || fail "Cannot find java: install a JDK 17 or newer, or set JAVA_HOME."
major=$("$java" -XshowSettings:properties -version 2>&1 |
  sed -n 's/ *java.specification.version = //p')
[[ ${major%%.*} -ge 17 ]] || fail "Cannot run on Java $major: a JDK 17 or newer is needed."

# newer JAR SOURCE...: whether the jar is absent or older than one of its sources.
newer() {
  [[ ! -f $1 ]] || [[ -n $(find "${@:2}" -newer "$1" -print -quit) ]]
}

# The class paths name jars in the local Maven repository, which can be emptied.
incomplete() {
  local jars jar
  [[ -f $1 ]] || return 0
  IFS=: read -r -a jars <"$1" || true
  for jar in "${jars[@]}"; do
    [[ -f $jar ]] || return 0
  done
  return 1
}

build() {
  local log
  command -v mvn >/dev/null || fail "Cannot build: Maven (mvn) is not on the PATH."
  echo "building (mvn package without tests)"
  mkdir -p "$target"
  log=$target/build.log
  spark_jars || fail "Cannot build: the jars of Spark are missing."
  local mvn=(mvn -B -q -f "$home/pom.xml" "${maven_line[@]}" -pl benchmarks -am
    -Dmaven.test.skip=true -Dspotless.check.skip=true package)
  # Offline first: it is quicker, and enough unless a dependency was never downloaded.
  "${mvn[@]}" -o >"$log" 2>&1 || "${mvn[@]}" >"$log" 2>&1 || {
    cat "$log" >&2
    fail "Cannot build: Maven failed, its output is above."
  }
}

cache_sources=("$home/pom.xml" "$home"/{arrow-codec,spark-diskcache}/{pom.xml,src/main})
if newer "$cache_jar" "${cache_sources[@]}" ||
  newer "$target/benchmarks.jar" "$home/pom.xml" "$home/benchmarks/pom.xml" "$home/benchmarks/src/main" ||
  incomplete "$target/spark.classpath" || incomplete "$target/demo.classpath"; then
  build
fi

classpath=$target/benchmarks.jar:$(<"$target/demo.classpath"):$(<"$target/spark.classpath")
