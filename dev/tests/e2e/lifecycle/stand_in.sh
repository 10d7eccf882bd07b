#!/usr/bin/env bash
# Stands in for aws, sam, cargo and curl, whichever name it is called by. It writes each call to $STATE/calls, keeps
# what was deployed, and answers what a stack would answer that does what it is told.
set -euo pipefail

program=$(basename "$0")
printf '%s %s\n' "$program" "$*" >>"$STATE/calls"

# The argument after the option $1.
option() {
  local name=$1
  shift
  while [[ $1 != "$name" ]]; do shift; done
  printf '%s' "$2"
}

# A setting of `dev` as it was deployed last.
setting() { sed -n "s/^      $1: *//p" "$STATE/deployed.yaml" | tr -d "'"; }

case "$program $*" in
  "sam build"*)
    folder=$(option --build-dir "$@")
    mkdir -p "$folder"
    cat >"$folder/template.yaml" <<'TEMPLATE'
Mappings:
  Environments:
    prod:
      DatabaseSnapshot: ''
      DeletionProtection: 'true'
      LogLevel: info
    dev:
      DatabaseSnapshot: ''
      DeletionProtection: 'true'
      LogLevel: info
  Existing:
    dev:
      LogLevel: none
Resources: {}
TEMPLATE
    ;;
  "sam deploy"*)
    # Nothing but the settings of dev may have changed.
    template=$(option --template-file "$@")
    grep -A3 prod: "$template" | grep -q "DeletionProtection: 'true'"
    grep -q 'LogLevel: none' "$template"
    sed -n '/^    dev:/,/^  [^ ]/p' "$template" | sed '/^  [^ ]/,$d' >"$STATE/deployed.yaml"
    printf 'settings %s\n' "$(setting DeletionProtection) $(setting LogLevel) $(setting DatabaseSnapshot)" \
      >>"$STATE/calls"
    ;;
  "sam delete"*) rm -f "$STATE/deployed.yaml" ;;
  "cargo xtask acceptance"*)
    report=$(option --report "$@")
    mkdir -p "$(dirname "$report")"
    printf '| sign-in | passed | signed with key %s, keys in the set: 1 |\n' \
      "$([[ -e $STATE/promoted ]] && echo new || echo old)" >"$report"
    [[ $(basename "$report" .md) != "${FAILING:-}" ]]
    ;;
  curl*) cat >"$STATE/registration.json" ;;
  "aws sts"*) echo 123456789012 ;;
  "aws configure get region") echo eu-central-1 ;;
  "aws cloudformation describe-stacks"*)
    [[ -e $STATE/deployed.yaml ]]
    sed -n "s/.*OutputKey=='\([A-Za-z]*\)'.*/\1/p" <<<"$*" | sed 's|^ApiUrl$|https://api.example|'
    ;;
  "aws cloudformation describe-stack-resource"*)
    [[ -e $STATE/deployed.yaml ]]
    echo "$(option --logical-resource-id "$@")-$(setting DatabaseSnapshot)"
    ;;
  "aws lambda invoke"*) cat >"$STATE/task.json" && cp "$STATE/task.json" "${!#}" ;;
  "aws lambda get-function-configuration"*) setting LogLevel ;;
  "aws secretsmanager get-secret-value"*) echo '{"JWT_PRIVATE_KEY":"the old key","PASSWORD_PEPPER":"the pepper"}' ;;
  "aws secretsmanager put-secret-value"*)
    file=$(option --secret-string "$@")
    cp "${file#file://}" "$STATE/secret.json"
    ;;
  "aws secretsmanager describe-secret"*)
    if [[ -e $STATE/promoted ]]; then
      echo '{"VersionIdsToStages":{"old":["AWSPREVIOUS"],"new":["AWSCURRENT"]}}'
    else
      echo '{"VersionIdsToStages":{"old":["AWSCURRENT"],"new":["AWSPENDING"]}}'
    fi
    ;;
  "aws secretsmanager update-secret-version-stage"*AWSCURRENT*) touch "$STATE/promoted" ;;
  "aws rds create-db-cluster-snapshot"*) echo arn:aws:rds:eu-central-1:123456789012:cluster-snapshot:restore ;;
  "aws rds describe-db-cluster-snapshots"*)
    printf '%s\t%s\n' "$STACK-database-1a2b" ours "$STACK-database-3c4d" ours-too bookshelf-database-5e6f precious \
      "$STACK-x-database-7a8b" foreign
    ;;
esac
