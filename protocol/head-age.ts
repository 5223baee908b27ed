/** Nodes follow their chain within seconds; one this far behind does not know the newest of it. In seconds. */
export const OLD_HEAD_S = 10 * 60

/** Whether a chain's newest block is so old that nobody can tell from it what was written of late. @param timestamp unix seconds */
export const isOldHead = (timestamp: number): boolean => Date.now() / 1000 - timestamp >= OLD_HEAD_S
