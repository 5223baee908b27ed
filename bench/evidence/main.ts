import { EXIT } from '../../scripts/cli/exit-code.ts'
import { printJson, printTable, say } from '../../scripts/cli/output.ts'
import { createCommand, runCommand } from '../../scripts/cli/run.ts'
import { type DocumentOptions, type MeasuredDocuments, measureDocuments } from './documents.ts'
import { type MeasuredLargeFile, measureLargeFile } from './large-file.ts'
import { TARGETS } from './targets.ts'

const command = createCommand(
  'bench:evidence',
  'Measures what an evidence server takes: small documents in anchored batches, as a ratio to hashing, writing and syncing the same files; gas; memory under one large file.',
  '0 every target reached, 1 error, 2 a target missed',
)
  .option('--documents <n>', 'small documents', Number, 10_000)
  .option('--bytes <n>', 'bytes of each', Number, 4_096)
  .option('--connections <n>', 'uploads at once', Number, 32)
  .option('--sample <n>', 'credentials verified on their own', Number, 50)
  .option('--large-mib <n>', 'MiB of the large file; 0 for none', Number, 2_048)
  .option('--json', 'print one JSON document')

void runCommand(command, async () => {
  const { json, largeMib, ...options } = command.opts<
    DocumentOptions & { largeMib: number; json?: boolean }
  >()
  const documents = await measureDocuments(options, (line) => say(`… ${line}`))
  const large = largeMib === 0 ? null : await measureLargeFile(largeMib * 2 ** 20)
  const [before, after] = documents.baselinePerSecond
  const ratio = documents.perSecond / ((before + after) / 2)
  if (json) printJson({ targets: TARGETS, ratio, documents, large })
  else show(documents, ratio, large)
  const isReached = documents.gasEach <= TARGETS.gas && (large === null || large.peakMB < TARGETS.peakMB)
  return isReached ? EXIT.consistent : EXIT.contradicted
})

function show(documents: MeasuredDocuments, ratio: number, large: MeasuredLargeFile | null): void {
  const [before, after] = documents.baselinePerSecond
  printTable(
    ['small documents', 'documents/s', 'p50 ms', 'p99 ms', 'CPU ms each', 'on chain/s', 'roots', 'gas each'],
    [
      ['hashed, written, synced', `${before.toFixed(0)}, ${after.toFixed(0)}`, '', '', '', '', '', ''],
      [
        'through the server',
        documents.perSecond.toFixed(0),
        documents.p50Ms.toFixed(1),
        documents.p99Ms.toFixed(1),
        documents.cpuMsEach.toFixed(2),
        documents.recordedPerSecond.toFixed(0),
        documents.anchors,
        documents.gasEach.toFixed(1),
      ],
    ],
  )
  if (large !== null)
    printTable(
      ['large file', 'MiB/s taken', 'seconds to verify', 'idle MB', 'peak MB'],
      [
        [
          `${large.bytes / 2 ** 20} MiB`,
          (large.bytes / 2 ** 20 / large.uploadSeconds).toFixed(0),
          large.verifySeconds.toFixed(1),
          large.idleMB.toFixed(0),
          large.peakMB.toFixed(0),
        ],
      ],
    )
  process.stdout.write(
    `ratio ${ratio.toFixed(2)}, gas ${documents.gasEach.toFixed(1)} (target ${TARGETS.gas}), ` +
      `${documents.verified} credentials verified${large === null ? '' : `, peak ${large.peakMB.toFixed(0)} MB (target below ${TARGETS.peakMB})`}\n`,
  )
}
