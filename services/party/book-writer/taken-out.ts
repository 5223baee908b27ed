import type { ChainAccess } from './chain-access.ts'
import type { Submission, Submissions } from './submissions.ts'

/** Nodes behind one address may differ: so long it has to be so. */
const SECOND_LOOK_MS = 500

/**
 * Notices that a reorganisation took transactions out long before their blocks would count as final: the chain's count of the author's
 * nonces has fallen below theirs.
 */
export class TakenOut {
  readonly #submissions: Submissions
  readonly #chain: ChainAccess
  /** Since when it has been so, in unix milliseconds. */
  #since: number | undefined

  constructor(submissions: Submissions, chain: ChainAccess) {
    this.#submissions = submissions
    this.#chain = chain
  }

  /** Submissions in no block any more, as it seems, by nonce. */
  async find(): Promise<Submission[]> {
    const suspects = this.#submissions.hasMined()
      ? this.#submissions.minedFrom(await this.#chain.confirmedNonce())
      : []
    if (suspects.length === 0) {
      this.#since = undefined
      return []
    }
    this.#since ??= Date.now()
    if (Date.now() - this.#since < SECOND_LOOK_MS) return []
    this.#since = undefined
    return suspects
  }
}
