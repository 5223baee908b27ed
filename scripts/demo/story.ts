/** One thing the demonstration does, what has to come of it, and what did. */
export interface Step {
  name: string
  expected: unknown
  actual: unknown
}

/** A story of the demonstration: steps one after the other, each held against what is expected. */
export class Story {
  readonly name: string
  readonly steps: Step[] = []
  readonly #onStep: (step: Step) => void

  constructor(name: string, onStep: (step: Step) => void = () => {}) {
    this.name = name
    this.#onStep = onStep
  }

  /** Plays one step. What it throws is what came of it: the next steps still tell their part. */
  async step(name: string, expected: unknown, play: () => Promise<unknown>): Promise<void> {
    let actual: unknown
    try {
      actual = await play()
    } catch (error) {
      actual = `error: ${(error as Error).message}`
    }
    const step = { name, expected, actual }
    this.steps.push(step)
    this.#onStep(step)
  }

  get isAsExpected(): boolean {
    return this.steps.every(isAsExpected)
  }
}

export const isAsExpected = ({ expected, actual }: Step): boolean =>
  JSON.stringify(expected) === JSON.stringify(actual)
