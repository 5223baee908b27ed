import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What is asked for, over and over in a fixed pseudo-random order, by how many kept connections, for how long. */
export interface HttpLoad {
  /** `http://host:port` */
  url: string
  /** A request's path, and the serial that its answer has to begin with. */
  paths: readonly { path: string; serial: string }[]
  /** The member that comes first in an answer; default `serial`. */
  member?: string
  connections: number
  seconds: number
  /** Requests before measuring starts; default one second's. */
  warmUpSeconds?: number
}

export interface HttpLoadResult {
  perSecond: number
  p50Ms: number
  p99Ms: number
  answers: number
}

/**
 * Sends GET requests over raw keep-alive connections from a process of its own, each connection its next one when the last was answered.
 * It costs a third of what an HTTP client would: the server that is measured shares the machine with it. Every answer is
 * looked at: another status than 200, or another serial, fails the run.
 */
export async function runHttpLoad(load: HttpLoad): Promise<HttpLoadResult> {
  const child = fork(new URL(import.meta.url), { serialization: 'advanced' })
  const gone = once(child, 'exit')
  try {
    child.send(load)
    return await answerOf(child)
  } finally {
    child.kill('SIGKILL')
    await gone
  }
}

async function answerOf(child: ChildProcess): Promise<HttpLoadResult> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the load ended with ${code}`)))
    child.on('message', (message: { result?: HttpLoadResult; failure?: string }) => {
      if (message.result !== undefined) resolve(message.result)
      else if (message.failure !== undefined) reject(new Error(message.failure))
    })
  })
}

/** Answers are a few kilobytes; one that does not fit ends the run. */
const BUFFER_BYTES = 256 * 1024
const HEAD_END = Buffer.from('\r\n\r\n')

async function generate({
  url,
  paths,
  connections,
  seconds,
  warmUpSeconds = 1,
  member = 'serial',
}: HttpLoad): Promise<HttpLoadResult> {
  const { hostname, port, host } = new URL(url)
  const requests = paths.map(({ path, serial }) => ({
    bytes: Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`, 'latin1'),
    serial: Buffer.from(serial, 'latin1'),
  }))
  const memberLength = `{"${member}":"`.length
  const waits: number[] = []
  const from = performance.now() + warmUpSeconds * 1000
  const until = from + seconds * 1000
  // A stride that shares no factor with the length visits every path, in no order that a cache would like.
  let at = 0
  const stride = strideOf(requests.length)
  const next = () => {
    at = (at + stride) % requests.length
    return requests[at]!
  }

  const stopSpinning = spin()
  await Promise.all(Array.from({ length: connections }, () => converse(connect(Number(port), hostname))))
  stopSpinning()
  waits.sort((a, b) => a - b)
  const quantile = (share: number) => waits[Math.min(Math.floor(waits.length * share), waits.length - 1)]!
  return {
    perSecond: waits.length / seconds,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    answers: waits.length,
  }

  function converse(socket: Socket): Promise<void> {
    return new Promise((resolve, reject) => {
      const buffer = Buffer.alloc(BUFFER_BYTES)
      let filled = 0
      let expected = -1
      let bodyAt = 0
      let asked = requests[0]!
      let sentAt = performance.now()
      const send = () => {
        asked = next()
        filled = 0
        expected = -1
        sentAt = performance.now()
        socket.write(asked.bytes)
      }
      socket.setNoDelay(true)
      socket.once('connect', send)
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('the server closed a connection')))
      socket.on('data', (bytes) => {
        if (filled + bytes.length > buffer.length) return fail('an answer past what the load takes')
        filled += bytes.copy(buffer, filled)
        if (expected < 0) {
          const end = buffer.subarray(0, filled).indexOf(HEAD_END)
          if (end < 0) return
          const head = buffer.toString('latin1', 0, end)
          const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
          if (!head.startsWith('HTTP/1.1 200') || length === undefined) return fail(head)
          bodyAt = end + 4
          expected = bodyAt + Number(length)
        }
        if (filled < expected) return
        const serialAt = bodyAt + memberLength
        if (
          buffer.compare(asked.serial, 0, asked.serial.length, serialAt, serialAt + asked.serial.length) !== 0
        )
          return fail(
            `asked for ${asked.serial.toString()}, got ${buffer.toString('latin1', bodyAt, filled)}`,
          )
        const now = performance.now()
        if (now >= from && now < until) waits.push(now - sentAt)
        if (now < until) return send()
        socket.removeAllListeners('close')
        socket.destroy()
        resolve()
      })
      const fail = (what: string) => {
        socket.removeAllListeners('close')
        socket.destroy()
        reject(new Error(what.slice(0, 500)))
      }
    })
  }
}

/**
 * Keeps this process from sleeping. The server would have to wake it for most answers, which on a virtual machine takes about a seventh of
 * its time: a client on another machine costs it none of that.
 */
function spin(): () => void {
  let isSpinning = true
  const turn = () => {
    if (isSpinning) setImmediate(turn)
  }
  turn()
  return () => {
    isSpinning = false
  }
}

function strideOf(length: number): number {
  let stride = Math.max(Math.floor(length * 0.618), 1)
  while (greatestCommonDivisor(stride, length) !== 1) stride++
  return stride
}

const greatestCommonDivisor = (a: number, b: number): number =>
  b === 0 ? a : greatestCommonDivisor(b, a % b)

if (process.argv[1] === new URL(import.meta.url).pathname && process.send !== undefined)
  process.once('message', (load: HttpLoad) => {
    generate(load).then(
      (result) => process.send!({ result }),
      (error: Error) => process.send!({ failure: error.message }),
    )
  })
