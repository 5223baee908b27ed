import type { Command } from 'commander'
import type { NamedFiles } from './payment-file.ts'

/** Adds `--file` and `--mapping`, each as often as wanted; what they named, in order, once the command is parsed. */
export function addFileOptions(command: Command): () => NamedFiles[] {
  const named: NamedFiles[] = []
  let waiting: string[] = []
  command
    .option(
      '--file <file>',
      'a file of payments, CSV or JSON lines in UTF-8; may be repeated',
      (file: string) => {
        waiting.push(file)
        return file
      },
    )
    .option(
      '--mapping <file>',
      'how the columns of the files named before it become payments (JSON); may be repeated',
      (mapping: string) => {
        if (waiting.length === 0) command.error('error: --mapping comes after the --file that it is for')
        named.push({ files: waiting, mapping })
        waiting = []
        return mapping
      },
    )
  return () => {
    if (waiting.length > 0) command.error(`error: --file ${waiting[0]} has no --mapping after it`)
    return named
  }
}
