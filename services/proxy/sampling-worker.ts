import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Bytes32 } from '../../protocol/hex.ts'
import { selectSample } from '../../protocol/sampling.ts'
import type { Serial } from '../../protocol/serial.ts'

interface Draw {
  population: string
  size: number
  seed: Bytes32
}

/** Draws a sample on a thread of its own: a large population takes seconds of hashing. @param population serials, one a line */
export function drawSample(draw: Draw): Promise<Serial[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: draw })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

if (!isMainThread && parentPort !== null && isDraw(workerData)) {
  const { population, size, seed } = workerData
  parentPort.postMessage(selectSample(population.split('\n'), size, seed))
}

function isDraw(data: unknown): data is Draw {
  return typeof data === 'object' && data !== null && 'population' in data
}
