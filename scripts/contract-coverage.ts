import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Runs the contracts' tests, Solidity and TypeScript, with coverage, and fails unless every line of every contract was
// reached. Coverage compiles instrumented contracts: into a folder of their own, so that nobody deploys them.

const root = fileURLToPath(new URL('..', import.meta.url))
const hardhat = fileURLToPath(import.meta.resolve('hardhat/package.json')).replace(
  'package.json',
  'dist/src/cli.js',
)

const { status } = spawnSync(process.execPath, [hardhat, 'test', '--coverage'], {
  cwd: root,
  env: {
    ...process.env,
    HARDHAT_ARTIFACTS: 'cache/coverage/artifacts',
    HARDHAT_CACHE: 'cache/coverage/cache',
  },
  stdio: 'inherit',
})
const missed = status === 0 ? missedLines(readFileSync(`${root}/coverage/lcov.info`, 'utf8')) : []
for (const line of missed) console.error(`not covered: ${line}`)
process.exit(status || (missed.length > 0 ? 1 : 0))

/** Like `contracts/RecordBook.sol:42`, from an lcov tracefile (geninfo(1)): `SF:file`, `DA:line,times`. */
function missedLines(tracefile: string): string[] {
  const lines: string[] = []
  let file = ''
  for (const entry of tracefile.split('\n')) {
    if (entry.startsWith('SF:')) file = entry.slice(3)
    const [, line, times] = /^DA:(\d+),(\d+)/.exec(entry) ?? []
    if (times === '0') lines.push(`${file}:${line}`)
  }
  return lines
}
