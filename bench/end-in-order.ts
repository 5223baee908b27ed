/** Closes once when the process is asked to end. */
export function endInOrder(close: () => Promise<void>): void {
  process.once('SIGTERM', () => void close().then(() => process.exit(0)))
}
