import { expect } from 'chai'
import fc from 'fast-check'
import { ROLES, type Role, roleMask, rolesOf } from '../../protocol/roles.ts'

const ALL = Object.keys(ROLES) as Role[]

describe('roles', () => {
  it('are bits, by their numbers in the contract', () => {
    expect(roleMask([])).to.equal(0n)
    expect(roleMask(['provider'])).to.equal(0b1n)
    expect(roleMask(['proxy', 'dataDemander'])).to.equal(0b1_0000_0010n)
    expect(roleMask(ALL)).to.equal(0x1ffn)
  })

  it('come back from their mask, each once and in order of their numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...ALL)), (roles) => {
        expect(rolesOf(roleMask(roles))).to.deep.equal(ALL.filter((role) => roles.includes(role)))
      }),
    )
  })

  it('leave out bits that stand for no role', () => {
    expect(rolesOf(1n << 9n)).to.deep.equal([])
    expect(rolesOf((1n << 255n) | 1n)).to.deep.equal(['provider'])
  })
})
