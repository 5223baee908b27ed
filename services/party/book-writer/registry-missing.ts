import { CountersignError } from '../../../protocol/errors.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'

export const registryMissing = ({ chainId, registry }: Registry): CountersignError =>
  new CountersignError('REGISTRY_MISSING', `chain ${chainId} has no registry at ${registry}`)
