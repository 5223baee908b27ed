import { type DestinationStream, type Logger, pino } from 'pino'

/** Members that may carry what a log must not: a second line of defence behind never logging them. */
const REDACTED = [
  'subject',
  'result',
  'answer',
  'query',
  'body',
  'privateKey',
  'password',
  'salt',
  'saltSecret',
  'authorization',
]

/** JSON lines. `name` says which server speaks; `level` is one of pino's. */
export const createLogger = (name: string, level: string, destination?: DestinationStream): Logger =>
  pino(
    {
      name,
      level,
      base: { name },
      redact: { paths: REDACTED.flatMap((member) => [member, `*.${member}`]), censor: '(left out)' },
    },
    destination ?? pino.destination({ fd: 1, sync: false }),
  )
