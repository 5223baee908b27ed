/** What the project holds itself to. */
export const TARGETS = {
  /** Gas of a document in the anchored tier. */
  gas: 60,
  /** Peak memory of the server, from its start on, with the large file taken and verified; a million bytes each. */
  peakMB: 200,
}
