import type { ChildProcess } from 'node:child_process'

/**
 * The URL at which a server of ours that was just spawned, with its output piped, says that it listens. Everything it writes is read,
 * then and later. Rejects with what it wrote when it ends instead.
 */
export function listeningUrl(child: ChildProcess, onOutput: (text: string) => void): Promise<string> {
  let output = ''
  let url: string | undefined
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer) => {
      onOutput(String(chunk))
      if (url !== undefined) return
      output += chunk
      url = /"url":"(http:[^"]+)"/.exec(output)?.[1]
      if (url !== undefined) resolve(url)
    }
    child.stdout!.on('data', read)
    child.stderr!.on('data', read)
    child.once('exit', () => reject(new Error(output)))
  })
}
