#!/usr/bin/env bash
# The whole life of a deployment: creates a stack of its own, changes a setting, rotates the signing key, restores the
# database from a snapshot, and deletes the stack with all that stays of one. After each step `cargo xtask acceptance`
# looks at the API from outside. The steps are those of docs/RUNBOOK.md and docs/SIGN-IN.md.
#
# IT HAS NOT BEEN RUN ON AWS YET. A test runs it with stand-ins for aws, sam, cargo and curl, which shows what it calls
# and in which order, and nothing of what AWS answers.
#
#   dev/deployment/lifecycle.sh [--yes] [NAME]    NAME begins with bookshelf-acceptance; --yes asks nothing
#   dev/deployment/lifecycle.sh --delete NAME     deletes what a run has left
#
# Needs aws, sam, cargo, curl, jq and openssl; aws must be signed in. It changes no file of the project: settings are
# changed in the copy of the template that `sam build` writes. The reports are in target/acceptance/NAME.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

ORIGIN=https://app.example # an origin that the API permits from the second step on

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# --- The stack ---

output() {
  aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

# The name or id of a resource of the template.
physical() {
  aws cloudformation describe-stack-resource --stack-name "$stack" --logical-resource-id "$1" --output text \
    --query StackResourceDetail.PhysicalResourceId
}

# Changes a setting of the environment `dev` in the built template.
set_setting() {
  awk -v name="$1" -v value="$2" '
    /^[^ ]/ { section = $1 }
    /^  [^ ]/ { mapping = $1 }
    /^    [^ ]/ { environment = $1 }
    section mapping environment == "Mappings:Environments:dev:" && $1 == name ":" {
      $0 = "      " name ": \047" value "\047"
      changed++
    }
    { print }
    END { exit changed != 1 }' "$template" >"$template.new" || fail "the template has no setting $1 for dev"
  mv "$template.new" "$template"
}

# Deploys the built template with the parameters given. Another revision makes the deployment look at the secret again
# and starts every function anew.
deploy() {
  revision=$((revision + 1))
  sam deploy --template-file "$template" --stack-name "$stack" --region "$AWS_REGION" --resolve-s3 \
    --capabilities CAPABILITY_IAM --no-confirm-changeset --no-fail-on-empty-changeset \
    --parameter-overrides Environment=dev Demos=true "Revision=lifecycle-$revision" "$@"
}

# Checks the deployment from outside; the report gets this name.
accept() {
  cargo xtask acceptance "$(output ApiUrl)" --aws --cold-start --access-log "$(physical AccessLog)" \
    --report "$reports/$1.md" "${@:2}"
}

# --- The steps ---

create() {
  say "Create the stack $stack, which takes about half an hour"
  sam build --template-file template.yaml --build-dir "$work/build"
  set_setting DeletionProtection false
  deploy
  accept create
}

# part of auth and books
make_administrator() {
  say "Make an administrator, who deletes the books of the runs to come"
  ACCEPTANCE_ADMIN_USERNAME=acceptance-admin
  ACCEPTANCE_ADMIN_PASSWORD=$(openssl rand -hex 16)
  export ACCEPTANCE_ADMIN_USERNAME ACCEPTANCE_ADMIN_PASSWORD
  printf '{"username":"%s","password":"%s"}' "$ACCEPTANCE_ADMIN_USERNAME" "$ACCEPTANCE_ADMIN_PASSWORD" |
    curl -sS --fail --retry 5 -o /dev/null -H 'content-type: application/json' --data-binary @- \
      "$(output ApiUrl)/auth/register"
  printf '{"task":"set_role","username":"%s","role":"admin","by":"lifecycle.sh"}' "$ACCEPTANCE_ADMIN_USERNAME" |
    aws lambda invoke --function-name "$(output Maintenance)" --cli-read-timeout 0 \
      --payload fileb:///dev/stdin "$work/answer.json"
  jq -e '.role == "admin"' "$work/answer.json" >/dev/null || fail "set_role: $(cat "$work/answer.json")"
}
# end of part

change_settings() {
  say "Change a parameter, CorsOrigins, and a setting of the template, LogLevel"
  set_setting LogLevel debug
  deploy "CorsOrigins=$ORIGIN"
  local level
  level=$(aws lambda get-function-configuration --function-name "$(physical SystemFunction)" --qualifier live \
    --query Environment.Variables.LOG_LEVEL --output text)
  [[ $level == debug ]] || fail "LogLevel did not arrive in the functions: LOG_LEVEL is $level"
  accept change --origin "$ORIGIN"
}

rotate_key() {
  say "Rotate the signing key, without the waits of docs/SIGN-IN.md: nobody else uses this stack"
  local secret new
  secret=$(output SigningSecretArn)
  openssl genpkey -algorithm ed25519 -out "$work/new.pem"
  new=$(openssl pkey -in "$work/new.pem" -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n')
  aws secretsmanager get-secret-value --secret-id "$secret" --query SecretString --output text |
    jq -c --rawfile key "$work/new.pem" '.JWT_PRIVATE_KEY = $key' >"$work/new.json"
  aws secretsmanager put-secret-value --secret-id "$secret" --secret-string "file://$work/new.json" \
    --client-request-token "$new" --version-stages AWSPENDING
  rm "$work/new.pem" "$work/new.json"
  echo "The functions accept both keys:"
  deploy "CorsOrigins=$ORIGIN"
  echo "The new key signs:"
  aws secretsmanager update-secret-version-stage --secret-id "$secret" --version-stage AWSCURRENT \
    --move-to-version-id "$new" --remove-from-version-id "$(with_label "$secret" AWSCURRENT)"
  deploy "CorsOrigins=$ORIGIN"
  accept rotate --origin "$ORIGIN"
  # part of auth
  # The key that signed the tokens of a run, as its report tells.
  signer() { grep -o 'signed with key [^ |;,]*' "$reports/$1.md"; }
  [[ $(signer rotate) != "$(signer change)" ]] || fail "the old key still signs"
  # end of part
  echo "The old key is void from the next deployment on:"
  aws secretsmanager update-secret-version-stage --secret-id "$secret" --version-stage AWSPREVIOUS \
    --remove-from-version-id "$(with_label "$secret" AWSPREVIOUS)"
}

# The version of the secret with this staging label.
with_label() {
  aws secretsmanager describe-secret --secret-id "$1" --output json |
    jq -r --arg stage "$2" '.VersionIdsToStages | to_entries[] | select(.value | index($stage)) | .key'
}

restore() {
  say "Restore the database from a snapshot, which takes about half an hour"
  local before arn
  before=$(physical Database)
  arn=$(aws rds create-db-cluster-snapshot --db-cluster-identifier "$before" --output text \
    --db-cluster-snapshot-identifier "$stack-restore" --query DBClusterSnapshot.DBClusterSnapshotArn)
  aws rds wait db-cluster-snapshot-available --db-cluster-snapshot-identifier "$stack-restore"
  set_setting DatabaseSnapshot "$arn"
  deploy "CorsOrigins=$ORIGIN"
  [[ $(physical Database) != "$before" ]] || fail "the database is still $before"
  # An administrator of the run is one of the snapshot: without its data this fails.
  accept restore --origin "$ORIGIN"
}

delete_all() {
  say "Delete the stack, its secret, its logs and the snapshots of its databases, which takes up to an hour"
  local secret cluster snapshot
  secret=$(physical SigningSecret || true)
  echo "Stays after the stack and is deleted then: ${secret:-no secret}, snapshots of $stack-database-*"
  # part of auth
  local log
  log=$(physical AuthLog || true)
  echo "Also: ${log:-no log}"
  # end of part
  sam delete --stack-name "$stack" --region "$AWS_REGION" --no-prompts
  if [[ $secret ]]; then
    aws secretsmanager delete-secret --secret-id "$secret" --force-delete-without-recovery
  fi
  # part of auth
  if [[ $log ]]; then
    aws logs delete-log-group --log-group-name "$log"
  fi
  # end of part
  aws rds describe-db-cluster-snapshots --snapshot-type manual --output text \
    --query 'DBClusterSnapshots[].[DBClusterIdentifier,DBClusterSnapshotIdentifier]' >"$work/snapshots"
  while read -r cluster snapshot; do
    if [[ $cluster =~ ^"$stack"-database-[^-]+$ ]]; then
      aws rds delete-db-cluster-snapshot --db-cluster-snapshot-identifier "$snapshot" </dev/null
    fi
  done <"$work/snapshots"
}

# --- The run ---

at_exit() {
  local status=$?
  rm -rf "$work"
  if ((status != 0)) && [[ $began ]]; then
    printf '\nStopped. What there is of %s stays and costs money; to delete it:\n  %s --delete %s\n' \
      "$stack" "$0" "$stack" >&2
  fi
}

ask() {
  cat <<TEXT
This creates the stack $stack in $AWS_REGION, in the account $account, and deletes it at the end.
It takes two to three hours and costs less than 2 USD (docs/COST.md has the prices), and what sam's bucket holds.
TEXT
  if [[ ! $yes ]]; then
    read -r -p "Begin? [y/N] " answer
    [[ $answer == [yY]* ]] || fail "nothing was done"
  fi
}

yes='' delete='' stack=bookshelf-acceptance-$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
for argument in "$@"; do
  case $argument in
    --yes) yes=1 ;;
    --delete) delete=1 stack='' ;;
    -*) fail "usage: $0 [--yes] [NAME], or --delete NAME" ;;
    *) stack=$argument ;;
  esac
done
# Nothing but a stack of such a run is ever created or deleted. Longer names would be cut in those of its database.
[[ $stack =~ ^bookshelf-acceptance(-[a-z0-9]+)*$ && ${#stack} -le 40 ]] ||
  fail "the name begins with bookshelf-acceptance, has small letters, digits and hyphens, and 40 characters at most"

# Nobody else may look into it: the secret is there for a moment.
work=$(mktemp -d) began='' revision=0
template=$work/build/template.yaml reports=$PWD/target/acceptance/$stack
trap at_exit EXIT
for program in aws sam cargo curl jq openssl; do
  command -v "$program" >/dev/null || fail "$program is needed and not there"
done
account=$(aws sts get-caller-identity --query Account --output text) || fail "aws is not signed in"
AWS_REGION=${AWS_REGION:-$(aws configure get region)} || fail "there is no region: set AWS_REGION"
export AWS_REGION AWS_PAGER=''

if [[ ! $delete ]]; then
  if aws cloudformation describe-stacks --stack-name "$stack" >/dev/null 2>&1; then
    fail "there is a stack $stack already; --delete deletes it"
  fi
  ask
  began=1
  create
  # part of auth and books
  make_administrator
  # end of part
  change_settings
  rotate_key
  restore
fi
began=1
delete_all
say "Done. The reports, if any, are in $reports"
