#!/bin/sh
# Installs the servers that the tests start themselves, where they are missing. Never starts a service of the system.
set -eu
if [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
  echo "The tests need RabbitMQ 3.10 or newer at /usr/lib/rabbitmq/bin/rabbitmq-server." >&2
  echo "On Debian or Ubuntu: sudo apt-get install --no-install-recommends rabbitmq-server" >&2
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
install() {
  apt-get install -y -qq --no-install-recommends rabbitmq-server
}
install || { apt-get update -qq && install; }
