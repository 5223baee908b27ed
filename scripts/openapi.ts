import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openApiText } from '../indexer/api/openapi.ts'

const FILE = fileURLToPath(new URL('../indexer/client/openapi.json', import.meta.url))

/** Writes `indexer/client/openapi.json`; with `--check`, only says (exit code 1) whether the file is what would be written. */
const text = await openApiText()
if (!process.argv.includes('--check')) writeFileSync(FILE, text)
else if (readFileSync(FILE, 'utf8') !== text) {
  console.error(`${FILE} is not what the routes say: npm run client:generate writes it`)
  process.exitCode = 1
}
