// The market as the client shows it: contracts, quotes, bars and ticks.
'use strict'

const { connect, run, say, until } = require('./client')

run(async () => {
  const client = connect()
  await until(client, () => Object.keys(client.quotesInfo).length, 'the contracts')
  const quote = client.getQuote('CFFEX.IF2501')
  client.getQuote('SHFE.rb2505')
  await until(client, () => quote.datetime && quote.bid_price1 > 0 && client.getQuote('SHFE.rb2505').datetime, 'the quotes')
  say({ quote, found: [client.getQuotesByInput('rb'), client.getQuotesByInput('2501').sort()] })

  const width = { view_width: 20 }
  const bars = client.setChart({ chart_id: 'bars', symbol: 'CFFEX.IF2501', duration: 1e9, ...width })
  const ticks = client.setChart({ chart_id: 'ticks', symbol: 'CFFEX.IF2501', duration: 0, ...width })
  await until(client, () => bars.right_id > 0 && ticks.right_id > 0, 'the charts')
  const [barFrom, tickFrom] = [bars.right_id, ticks.right_id]
  await until(client, () => bars.right_id > barFrom + 1 && ticks.right_id > tickFrom + 2, 'newer bars and ticks')
  const klines = client.getKlines('CFFEX.IF2501', 1e9)
  say({
    bars: [barFrom, barFrom + 1].map((id) => klines.data[id]),
    newest: [klines.last_id, bars.right_id, bars.state.chart_id],
    ticks: [tickFrom, tickFrom + 1].map((id) => client.getTicks('CFFEX.IF2501').data[id])
  })
})
