import { CountersignError } from '../../../protocol/errors.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'

/** @param otherwise what else may be the matter */
export const registryMissing = ({ chainId, registry }: Registry, otherwise = ''): CountersignError =>
  new CountersignError('REGISTRY_MISSING', `chain ${chainId} has no registry at ${registry}${otherwise}`)
