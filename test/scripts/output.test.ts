import { spawn } from 'node:child_process'
import { expect } from 'chai'

/** Prints far more than a pipe holds, and ends with a code of its own. */
const TALKATIVE = `
  import { createCommand, runCommand } from './scripts/cli/run.ts'
  import { printTable } from './scripts/cli/output.ts'
  runCommand(createCommand('talkative', ''), async () => {
    for (let i = 0; i < 200; i++) {
      printTable(['a', 'b'], Array.from({ length: 100 }, (_, i) => [i, 'x'.repeat(80)]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    return 3
  })`

describe('the output of a script', () => {
  it('may be cut: it ends quietly, with the exit code that it would have had', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', TALKATIVE])
    let talk = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      talk += text
    })
    child.stdout.once('data', () => child.stdout.destroy())
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect([code, talk]).to.deep.equal([3, ''])
  })
})
