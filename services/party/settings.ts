import { Type } from 'typebox'
import { DEFAULT_ADDRESS_BOOK } from './address-book-file.ts'
import { KEY_VARIABLES } from './keys.ts'

/** The settings that every party's server has. */
export const PARTY_VARIABLES = {
  HOST: Type.String({ default: '127.0.0.1' }),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { default: 'info' }),
  COUNTERSIGN_ADDRESS_BOOK: Type.String({ default: DEFAULT_ADDRESS_BOOK }),
  ...KEY_VARIABLES,
}
