/** Dependencies point one way; see docs/architecture.md. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^${from}/` },
  to: { path: '^(contracts|protocol|http|indexer|services|web|scripts|test|bench|ignition)/', pathNot: `^(${[from, ...allowed].join('|')})/` },
})

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    only('protocol-knows-nobody', 'protocol', []),
    only('http-uses-protocol', 'http', ['protocol']),
    only('indexer-uses-protocol', 'indexer', ['protocol', 'http']),
    only('services-use-protocol', 'services', ['protocol', 'http']),
    only('web-uses-protocol', 'web', ['protocol']),
    { name: 'protocol-is-pure', severity: 'error', from: { path: '^protocol/' }, to: { dependencyTypes: ['core'] } },
    {
      name: 'parties-share-only-party',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/($1|party)/' },
    },
  ],
  options: { tsPreCompilationDeps: true, doNotFollow: { path: 'node_modules' }, enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] }, tsConfig: { fileName: 'tsconfig.json' } },
}
