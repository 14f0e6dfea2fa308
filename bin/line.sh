# SPDX-License-Identifier: Apache-2.0
# For scripts that source it with home set: the line of Spark, and where its build is.

# of_line LINE: sets line, jar, target_name and maven_line, the options of mvn for the line.
of_line() {
  local version
  line=$1
  # The first version in the parent's pom.xml is the project's, the first line the default.
  version=$(sed -n '/<version>/{s:.*<version>\(.*\)</version>.*:\1:p;q;}' "$home/pom.xml")
  grep -q "<spark.line>$line</spark.line>" "$home/pom.xml" || {
    echo "Cannot take Spark '$line': there are $(lines | tr '\n' ' ')." >&2
    return 2
  }
  target_name=target-$line
  [[ $line != "$(default_line)" ]] || target_name=target
  jar=$home/spark-diskcache/$target_name/spark-diskcache-${line}_2.13-$version.jar
  maven_line=("-Pspark-$line")
}

default_line() {
  sed -n '/<spark.line>/{s:.*<spark.line>\(.*\)</spark.line>.*:\1:p;q;}' "$home/pom.xml"
}

# All of them, one by line.
lines() {
  sed -n 's:.*<spark.line>\(.*\)</spark.line>.*:\1:p' "$home/pom.xml" | sort -u
}

# take_line ARGUMENT...: of_line with what follows --spark, which is first or is not there; sets rest, the others.
take_line() {
  if [[ ${1:-} == --spark ]]; then
    [[ $# -ge 2 ]] || { echo "Cannot take Spark: --spark wants a line, one of $(lines | tr '\n' ' ')." >&2; return 2; }
    of_line "$2" || return
    shift 2
  else
    of_line "$(default_line)" || return
  fi
  rest=("$@")
}

# Maven has no jars of some lines: they are put into its local repository.
spark_jars() {
  ! sed -n "/<id>spark-$line</,/<\/profile>/p" "$home/pom.xml" | grep -q -- '-pyspark<' || "$home/bin/spark-jars"
}
