import type { HttpServer } from '../../../http/server.ts'
import type { RpcClient } from '../../chain/rpc-client.ts'
import type { Proofs } from '../proofs.ts'
import type { ApiDeps } from '../records.ts'
import { addCredentialList } from './credential-list.ts'
import { addCredentialLookup } from './credential-lookup.ts'
import { CREDENTIAL_SCHEMAS } from './credential-schemas.ts'
import { addCredentialVerification } from './credential-verification.ts'

export interface CredentialDeps extends ApiDeps {
  proofs: Proofs
  rpcOf: (chainId: number) => RpcClient
}

/** Everything about credentials. */
export function addCredentialRoutes(server: HttpServer, deps: CredentialDeps): void {
  for (const [$id, schema] of Object.entries(CREDENTIAL_SCHEMAS)) server.addSchema({ ...schema, $id })
  addCredentialLookup(server, deps)
  addCredentialList(server, deps)
  addCredentialVerification(server, deps)
}
