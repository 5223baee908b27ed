import { CountersignError } from './errors.ts'

/** A proof, or a part of it, does not prove what it says; `reason` names the part and what is wrong with it. */
export const proofInvalid = (reason: string, cause?: unknown): CountersignError =>
  new CountersignError('PROOF_INVALID', reason, { cause })

/** What a node answered cannot be made into a proof, because it is incomplete, of an unknown form, or contradicts itself. */
export const proofUnbuildable = (reason: string, cause?: unknown): CountersignError =>
  new CountersignError('PROOF_UNBUILDABLE', reason, { cause })
