import { connect } from 'node:net'

export interface RawAnswer {
  status: number
  headers: Map<string, string>
  /** As far as it was read, and as it was sent: chunks are not put together. */
  text: string
}

/**
 * Sends bytes as they are and reads one answer: what an HTTP client would refuse to send, or put right.
 * An event stream is not read past its headers.
 * @throws an error when there is no whole answer within `timeoutMs`
 */
export function rawHttp(url: string, request: Buffer, timeoutMs = 2_000): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    const isHead = request.subarray(0, 5).toString('latin1') === 'HEAD '
    const chunks: Buffer[] = []
    const end = (act: () => void) => {
      clearTimeout(timer)
      socket.destroy()
      act()
    }
    const timer = setTimeout(() => {
      end(() =>
        reject(new Error(`no answer within ${timeoutMs} ms: ${Buffer.concat(chunks).toString('latin1')}`)),
      )
    }, timeoutMs)
    socket.on('connect', () => socket.write(request))
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      const answer = parseAnswer(Buffer.concat(chunks), isHead)
      if (answer !== undefined) end(() => resolve(answer))
    })
    // A server that refuses early may reset a connection that is still being written to.
    socket.on('error', () => {})
    socket.on('close', () => {
      const answer = parseAnswer(Buffer.concat(chunks), true)
      if (answer === undefined) end(() => reject(new Error('the connection was closed without an answer')))
      else end(() => resolve(answer))
    })
  })
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** Undefined while more of it has to come. */
function parseAnswer(bytes: Buffer, isAll: boolean): RawAnswer | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [statusLine, ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const headers = new Map(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  const status = Number(statusLine!.split(' ')[1])
  const body = bytes.subarray(headEnd + 4)
  const length = headers.get('content-length')
  const isStream = headers.get('content-type')?.startsWith('text/event-stream') === true
  const isChunked = headers.get('transfer-encoding') === 'chunked'
  const isWhole =
    isStream ||
    status === 304 ||
    status === 204 ||
    (isChunked && body.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) ||
    (length === undefined ? isAll : body.length >= Number(length))
  return isWhole || isAll ? { status, headers, text: isStream ? '' : body.toString('utf8') } : undefined
}
