// Everything the client offers to a trader: login, orders, cancels, positions, money, trades.
'use strict'

const { connect, login, run, say, until } = require('./client')

const ALICE = { bid: '快期模拟', user_id: 'alice', password: 'pw' }
const IF = { exchange_id: 'CFFEX', instrument_id: 'IF2501', ...ALICE }
const RB = { exchange_id: 'SHFE', instrument_id: 'rb2505', ...ALICE }

run(async () => {
  const client = connect()
  const notices = []
  client.on('notify', (notice) => notices.push([notice.level, notice.code, notice.user_id]))
  await login(client, ALICE)
  const of = (name, more = {}) => JSON.parse(JSON.stringify(client[name]({ ...ALICE, ...more })))
  const finished = (order) => until(client, () => order.status === 'FINISHED', 'the end of ' + order.order_id)
  say({ brokers: client.brokers, account: of('getAccount'), orders: of('getOrders'), notices })

  const order = client.insertOrder({ ...IF, direction: 'BUY', offset: 'OPEN', limit_price: 4500, volume: 5 })
  await until(client, () => order.volume_left === 2 && (client.getPosition({ ...ALICE, symbol: 'CFFEX.IF2501' }) || {}).pos_long_today === 3, 'a partial fill')
  say({ order, position: of('getPosition', { symbol: 'CFFEX.IF2501' }), account: of('getAccount') })
  client.cancelOrder({ ...ALICE, order_id: order.order_id })
  await finished(order)
  say({ order, trades: of('getTradesByOrder', { order_id: order.order_id }) })

  const metal = client.insertOrder({ ...RB, direction: 'BUY', offset: 'OPEN', limit_price: 3300, volume: 3 })
  await finished(metal)
  const refused = client.insertOrder({ ...RB, direction: 'SELL', offset: 'CLOSE', limit_price: 3299, volume: 1 })
  await finished(refused)
  await until(client, () => (client.getPosition({ ...ALICE, symbol: 'SHFE.rb2505' }) || {}).volume_long_today === 3, 'the lots')
  const [closing] = client.autoInsertOrder({ ...RB, direction: 'SELL', offset: 'CLOSE', limit_price: 3299, volume: 1 })
  await finished(closing)
  const market = client.insertOrder({ ...IF, direction: 'SELL', offset: 'CLOSE', price_type: 'ANY', volume: 1 })
  await finished(market)
  client.cancelOrder({ ...ALICE, order_id: 'nobodys' })
  await until(client, () => notices.some(([, code]) => code === 417), 'the notice')
  await until(client, () => client.getPosition({ ...ALICE, symbol: 'SHFE.rb2505' }).volume_long_today === 2, 'the close')
  say({ refused, closing, market, orders: Object.keys(of('getOrders')).length, trades: Object.values(of('getTrades')) })
})
