/** Nodes follow their chain within seconds; one this far behind does not know the newest of it. In seconds. */
const OLD_HEAD_S = 10 * 60

/**
 * Whether a chain's newest block is so old that nobody can tell from it what was written of late.
 * @param timestamp unix seconds
 * @param maxHeadAge seconds, where the address book says it of the chain
 */
export const isOldHead = (timestamp: number, maxHeadAge = OLD_HEAD_S): boolean =>
  Date.now() / 1000 - timestamp >= maxHeadAge
