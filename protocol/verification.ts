import { isCountersignError } from './errors.ts'

/** One step of a verification, as a person or a program is shown it. */
export interface Check {
  name: string
  outcome: 'passed' | 'failed' | 'not-checked'
  detail: string
}

/** Collects the steps of a verification. After the first that fails, the later ones are named but not run: they would stand on it. */
export class Checklist {
  readonly checks: Check[] = []

  get failed(): boolean {
    return this.checks.some(({ outcome }) => outcome === 'failed')
  }

  /**
   * Runs one step. It passes with the detail it returns and fails with the error it throws.
   * @throws CHAIN_UNREACHABLE: a node that cannot be asked says nothing against what is verified
   */
  async run(name: string, step: () => string | Promise<string>): Promise<void> {
    if (this.failed) return this.skip(name, 'an earlier check failed')
    try {
      this.checks.push({ name, outcome: 'passed', detail: await step() })
    } catch (error) {
      if (!isCountersignError(error) || error.code === 'CHAIN_UNREACHABLE') throw error
      this.checks.push({ name, outcome: 'failed', detail: error.message })
    }
  }

  skip(name: string, reason: string): void {
    this.checks.push({ name, outcome: 'not-checked', detail: reason })
  }
}
