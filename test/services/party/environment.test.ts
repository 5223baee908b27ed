import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Type } from 'typebox'
import { readEnvironment, Secret, withoutSecrets } from '../../../services/party/environment.ts'
import { expectError } from '../../support/expect-error.ts'

const schema = Type.Object({
  PORT: Type.Integer({ default: 4021, minimum: 0, maximum: 65_535 }),
  RATE: Type.Optional(Type.Number()),
  IS_OPEN: Type.Boolean({ default: false }),
  MODE: Type.Union([Type.Literal('strict'), Type.Literal('lax')], { default: 'strict' }),
  NAME: Type.String(),
  KEY: Type.Optional(Secret({ minLength: 4 })),
})

describe('the environment', () => {
  it('is read through a schema into a frozen object', () => {
    const settings = readEnvironment(schema, {
      NAME: 'x',
      PORT: '80',
      RATE: '1.5',
      IS_OPEN: 'true',
      OTHER: '1',
    })
    expect(settings).to.deep.equal({ PORT: 80, RATE: 1.5, IS_OPEN: true, MODE: 'strict', NAME: 'x' })
    expect(settings).to.be.frozen
  })

  it('counts an empty variable as not set', () => {
    expect(readEnvironment(schema, { NAME: 'x', PORT: '' }).PORT).to.equal(4021)
  })

  it('tells all problems together, by name and without values', () => {
    const environment = { PORT: '12x', IS_OPEN: 'yes', MODE: 'loose', RATE: '1e3', KEY: 'abc' }
    const { message } = expectError(() => readEnvironment(schema, environment), 'CONFIGURATION_INVALID')
    for (const name of ['PORT', 'RATE', 'IS_OPEN', 'MODE', 'NAME is not set', 'KEY'])
      expect(message).to.include(name)
    expect(message).to.not.match(/12x|yes|loose|abc/)
  })

  it('refuses a number that is out of bounds', () => {
    const { message } = expectError(
      () => readEnvironment(schema, { NAME: 'x', PORT: '70000' }),
      'CONFIGURATION_INVALID',
    )
    expect(message).to.equal('PORT must be <= 65535')
  })

  it('takes a secret from a file, and shows none', () => {
    const folder = mkdtempSync(join(tmpdir(), 'environment-'))
    try {
      writeFileSync(join(folder, 'key'), 'hush-hush\n')
      const settings = readEnvironment(schema, { NAME: 'x', KEY_FILE: join(folder, 'key') })
      expect(settings.KEY).to.equal('hush-hush')
      expect(withoutSecrets(schema, settings)).to.include({ KEY: '(secret)', NAME: 'x' })
      expectError(
        () => readEnvironment(schema, { NAME: 'x', KEY: 'abcd', KEY_FILE: join(folder, 'key') }),
        'CONFIGURATION_INVALID',
      )
      expectError(
        () => readEnvironment(schema, { NAME: 'x', KEY_FILE: join(folder, 'none') }),
        'CONFIGURATION_INVALID',
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
