// The vendor's JavaScript client, as its package is, led to the DIFF front whose address is in FRONT by the client's own options.
'use strict'

const TQSDK = require('tqsdk/dist/umd/tqsdk-nocache')
const WebSocket = require('ws')

const FRONT = process.env.FRONT
const BROKER_LIST = 'https://files.shinnytech.com/broker-list.json'

// The client tells of every lost connection here; what the tests read is what say() writes.
console.log = () => {}

function say(told) {
  process.stdout.write('SAID ' + JSON.stringify(told) + '\n')
}

// The client asks for two files by address: its contracts, and the brokers, whose address is written into it.
function fetchFrom(url) {
  return fetch(url === BROKER_LIST ? `http://${FRONT}/broker-list.json` : url).then((answer) => answer.json())
}

function connect(wsOption = {}, options = {}) {
  return new TQSDK(
    { symbolsServerUrl: `http://${FRONT}/symbols.json`, wsQuoteUrl: `ws://${FRONT}/md`, requestMethod: fetchFrom, ...options },
    { WebSocket, ...wsOption }
  )
}

// Resolves with what holds() gives once it is true; looked at after every change of the client's data.
function until(client, holds, what, seconds = 120) {
  return new Promise((resolve, reject) => {
    const names = ['rtn_data', 'notify', 'ready', 'rtn_brokers']
    const timer = setTimeout(() => done(reject, new Error('waited in vain for ' + what)), seconds * 1000)
    const look = () => {
      const found = holds()
      if (found) done(resolve, found)
    }
    function done(settle, value) {
      clearTimeout(timer)
      names.forEach((name) => client.off(name, look))
      settle(value)
    }
    names.forEach((name) => client.on(name, look))
    look()
  })
}

async function login(client, account) {
  await until(client, () => client.brokers, 'the brokers')
  client.login(account)
  await until(client, () => client.isLogined(account), 'the login of ' + account.user_id)
}

function run(story) {
  story().then(
    () => process.exit(0),
    (error) => {
      process.stderr.write(error.stack + '\n')
      process.exit(1)
    }
  )
}

module.exports = { connect, login, run, say, until }
