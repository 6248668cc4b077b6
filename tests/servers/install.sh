#!/bin/sh
# Installs the servers that the tests start themselves, where they are missing. Never starts a service of the system.
set -eu
cd "$(dirname "$0")"
missing=
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing="rabbitmq-server"
command -v java > /dev/null || missing="$missing default-jre-headless"
command -v mvn > /dev/null || [ kafka_jars/.installed -nt kafka_pom.xml ] || missing="$missing maven"

install() {
  # shellcheck disable=SC2086 # they are several
  apt-get install -y -qq --no-install-recommends $missing
}

if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    echo "The tests need RabbitMQ 3.10 or newer at /usr/lib/rabbitmq/bin/rabbitmq-server, Java 17 or newer, and Maven." >&2
    echo "On Debian or Ubuntu: sudo apt-get install --no-install-recommends $missing" >&2
    exit 1
  fi
  # Debian asks this file before it starts what it installed; 101 means "do not".
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  install || { apt-get update -qq && install; }
fi

# Apache Kafka is jars from Maven's repository; the Java machine starts them where they lie.
if ! [ kafka_jars/.installed -nt kafka_pom.xml ]; then
  rm -rf kafka_jars
  mvn -q -B -Dstyle.color=never -f kafka_pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=kafka_jars
  touch kafka_jars/.installed
fi
