// A client whose front dies and comes back, and one whose user takes his time to log in.
'use strict'

const { connect, login, run, say, until } = require('./client')

const ALICE = { bid: 'simnow', user_id: 'alice', password: 'pw' }
const BOB = { bid: 'simnow', user_id: 'bob', password: 'pw' }
const SLOW_MS = 7000

run(async () => {
  const client = connect({ reconnectInterval: 500, reconnectMaxTimes: 100 })
  await login(client, ALICE)
  const { ws } = client.addAccount(BOB)
  let lost = 0
  ws.on('close', () => lost++)
  await new Promise((resolve) => setTimeout(resolve, SLOW_MS))
  client.login(BOB)
  await until(client, () => client.isLogined(BOB), 'the late login')
  say({ lost })

  const order = client.insertOrder({
    ...ALICE, exchange_id: 'CFFEX', instrument_id: 'IF2501', direction: 'BUY', offset: 'OPEN', limit_price: 4500, volume: 5
  })
  await until(client, () => order.exchange_order_id, 'the order')
  say({ order_id: order.order_id })
  await until(client, () => order.status === 'FINISHED', 'what happened meanwhile')
  const next = client.insertOrder({
    ...ALICE, exchange_id: 'CFFEX', instrument_id: 'IF2501', direction: 'BUY', offset: 'OPEN', limit_price: 4400, volume: 1
  })
  await until(client, () => next.exchange_order_id, 'an order after the outage')
  say({ order, next, trades: Object.values(client.getTrades(ALICE)) })
})
