import { setTimeout as sleep } from 'node:timers/promises'
import { CountersignError } from '../../../protocol/errors.ts'
import { type Serial, serialTime } from '../../../protocol/serial.ts'
import { type GivenAnswer, lastTimeOf } from '../../../protocol/verdict.ts'
import type { ChainHead, ChainRecord, LocationHint, RecordChain, RecordName } from './record-chain.ts'

/** Until when what an author was to record may be in a block that the node does not have yet. In unix seconds. */
export interface RecordingTime {
  /** The promise is open up to here: until then that nothing is there says nothing. Zero when nothing was promised. */
  promisedUntil: number
  /** From here on a block past the head is no excuse. */
  lastExcuse: number
}

export interface SearchedRecord {
  recorded: ChainRecord | null
  /** The head as of which it was looked for. */
  head: ChainHead
}

/** How far a node that follows its chain may be behind another. */
const MAX_BLOCKS_BEHIND = 256
const HEAD_READINGS = 3
const READING_PAUSE_MS = 700
/** After a record's last time nodes have this long to get to it. A head that is not old is past that time by then. */
const GRACE_S = 10 * 60
/** For an answer that never arrived, so that nobody knows its promise: providers batch for minutes. */
const UNKNOWN_PROMISE_S = 15 * 60

/** When the record of an answer was to be made. @param given null when none arrived */
export function recordingTimeOf(
  given: Pick<GivenAnswer, 'answeredAt' | 'recordBy'> | null,
  serial: Serial,
): RecordingTime {
  const lastTime = given ? lastTimeOf(given) : Math.floor(serialTime(serial) / 1000) + UNKNOWN_PROMISE_S
  return { promisedUntil: given?.recordBy ?? 0, lastExcuse: lastTime + GRACE_S }
}

/**
 * The record of that name, and the head as of which it is there or is not. That there is none is said of no head that ends a little
 * before the block in which the author says it is: the head is read again, and at last it is an error to be tried again later.
 *
 * An author could name the next block for ever. So it is heard only as long as an honest one can need it, until a while after the last
 * time at which its record was to be made, and not about blocks that no node is behind by: then nothing on chain is nothing on chain.
 * @throws CHAIN_UNREACHABLE also when the node is behind that block; PROOF_UNBUILDABLE, RECORD_NOT_LOCATED
 */
export async function searchRecord(
  chain: RecordChain,
  name: RecordName,
  { promisedUntil, lastExcuse }: RecordingTime,
  hint: Promise<LocationHint | undefined>,
): Promise<SearchedRecord> {
  for (let reading = 1; ; reading++) {
    const head = await chain.readHead()
    const recorded = await chain.readRecord(name, head, hint)
    if (recorded !== null || head.timestamp <= promisedUntil) return { recorded, head }
    const named = (await hint)?.blockNumber ?? 0
    const isAhead = named > head.blockNumber && named <= head.blockNumber + MAX_BLOCKS_BEHIND
    if (!isAhead || Date.now() / 1000 >= lastExcuse) return { recorded, head }
    if (reading === HEAD_READINGS)
      throw new CountersignError(
        'CHAIN_UNREACHABLE',
        `the node of chain ${chain.chainId} is at block ${head.blockNumber}, the record is said to be in ${named}`,
      )
    await sleep(READING_PAUSE_MS)
  }
}
