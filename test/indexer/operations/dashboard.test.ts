import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { deployAll } from '../../support/contracts.ts'
import { caughtUp, startTestIndexer, testChain } from '../../support/indexer.ts'

const read = (name: string) => readFileSync(new URL(`../../../docs/grafana/${name}`, import.meta.url), 'utf8')

interface Panel {
  id: number
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets: { expr: string; refId: string }[]
}

/** PromQL's own words, and what Prometheus itself says of a target. */
const NOT_OURS = /^(histogram_quantile|sum|by|le|rate|increase|up)$/

/** Names of metrics in an expression: words that are neither labels nor within quotes. */
function metricsOf(expression: string): string[] {
  const bare = expression
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/by \([^)]*\)/g, '')
  return [...bare.matchAll(/[a-z_][a-z0-9_]*/gi)].map(([name]) => name).filter((name) => !NOT_OURS.test(name))
}

describe('dashboard and alerts', () => {
  const dashboard = JSON.parse(read('indexer.json')) as { panels: Panel[]; schemaVersion: number }
  const alerts = read('alerts.yml')
  const expressions = [...alerts.matchAll(/^ {8}expr: '(.*)'$/gm)].map(([, text]) =>
    text!.replaceAll("''", "'"),
  )
  let chain: AnvilChain
  let names: Set<string>
  let labels: Map<string, Set<string>>

  before(async () => {
    chain = await startAnvil()
    const indexer = await startTestIndexer([testChain(chain, await deployAll(chain.url))])
    try {
      await caughtUp(indexer, chain)
      await fetch(`${indexer.url}/v1/status`)
      const text = await (await fetch(`${indexer.url}/metrics`)).text()
      names = new Set()
      labels = new Map()
      for (const [, name, kind] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm))
        for (const suffix of kind === 'histogram' ? ['_bucket', '_sum', '_count'] : [''])
          names.add(name + suffix)
      for (const [, name, set] of text.matchAll(/^(\w+)\{([^}]*)\}/gm)) {
        const known = labels.get(name!) ?? new Set()
        for (const [, label] of set!.matchAll(/(\w+)="/g)) known.add(label!)
        labels.set(name!, known)
      }
    } finally {
      await indexer.stop()
    }
  })
  after(() => chain.kill())

  function expectMetrics(expression: string): void {
    const used = metricsOf(expression).filter((name) => !/^\d/.test(name) && name !== 'e9')
    for (const name of used) expect(names, expression).to.include(name)
    // Labels of those that have samples already: Prometheus adds instance and job itself.
    for (const [, name, matchers] of expression.matchAll(/(\w+)\{([^}]*)\}/g))
      for (const [, label] of matchers!.matchAll(/(\w+)(?:=|!=|=~|!~)"/g))
        if (labels.has(name!) && !['instance', 'job'].includes(label!))
          expect(labels.get(name!), expression).to.include(label)
  }

  it('asks only for metrics that a running indexer has', () => {
    const asked = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
    expect(asked).to.have.length.above(20)
    expect(asked.flatMap(metricsOf)).to.have.length.of.at.least(asked.length)
    for (const expression of asked) expectMetrics(expression)
  })

  it('warns only by metrics that a running indexer has', () => {
    expect(expressions.length).to.equal([...alerts.matchAll(/^ {6}- alert: \w+$/gm)].length)
    expect(expressions).to.have.length.above(10)
    for (const expression of expressions) if (!expression.startsWith('up{')) expectMetrics(expression)
  })

  it('has one panel a question, none over another', () => {
    const { panels } = dashboard
    expect(new Set(panels.map(({ id }) => id)).size).to.equal(panels.length)
    for (const { title, targets } of panels) {
      expect(title).to.match(/\?$/)
      expect(new Set(targets.map(({ refId }) => refId)).size).to.equal(targets.length)
    }
    for (const [i, a] of panels.entries())
      for (const b of panels.slice(i + 1)) {
        const [p, q] = [a.gridPos, b.gridPos]
        const isApart = p.x + p.w <= q.x || q.x + q.w <= p.x || p.y + p.h <= q.y || q.y + q.h <= p.y
        expect(isApart, `${a.title} / ${b.title}`).to.equal(true)
        expect(p.x + p.w).to.be.at.most(24)
      }
  })

  it('says for each alert what to do, here and in the guide', () => {
    const guide = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8')
    for (const block of alerts.split('- alert: ').slice(1)) {
      const name = block.slice(0, block.indexOf('\n'))
      expect(block, name).to.match(/for: \d+m\n/)
      expect(block, name).to.match(/severity: (critical|warning)\n/)
      expect(block, name).to.match(/summary: '.+'\n/)
      expect(block, name).to.match(/action: '.+'/)
      expect(guide).to.contain(`\`${name}\``)
    }
  })
})
