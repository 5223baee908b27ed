/** It cannot be run here; the message says why. */
export class ScenarioSkipped extends Error {}
