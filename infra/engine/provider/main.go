// Command pulumi-resource-openstack serves the OpenStack resources of the PyPI package pulumi-openstack to the engine.
//
// It is the same Terraform provider behind the same bridge as the publisher's plugin, put together here so that a
// machine without access to the publisher's downloads can build it. tokens.json gives each Terraform resource the
// Pulumi type that the Python package knows it by; a test compares the two. Unlike the publisher's plugin it makes up
// no names and serves no schema for code generation.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-provider-openstack/terraform-provider-openstack/v3/openstack"
)

const name = "openstack"

// version is the release of pulumi-openstack described by tokens.json; the linker sets it.
var version = "0.0.0-dev"

//go:embed tokens.json
var tokensJSON []byte

// tokenTable maps Terraform names to Pulumi types ("module:Name"); Renamed holds, per resource, the properties that
// the bridge would name differently from the Python package.
type tokenTable struct {
	Resources map[string]string            `json:"resources"`
	Functions map[string]string            `json:"functions"`
	Renamed   map[string]map[string]string `json:"renamed"`
}

func (t tokenTable) resources() map[string]*tfbridge.ResourceInfo {
	infos := make(map[string]*tfbridge.ResourceInfo, len(t.Resources))
	for terraform, token := range t.Resources {
		fields := map[string]*tfbridge.SchemaInfo{}
		for field, property := range t.Renamed[terraform] {
			fields[field] = &tfbridge.SchemaInfo{Name: property}
		}
		infos[terraform] = &tfbridge.ResourceInfo{Tok: tokens.Type(name + ":" + token), Fields: fields}
	}
	return infos
}

func (t tokenTable) functions() map[string]*tfbridge.DataSourceInfo {
	infos := make(map[string]*tfbridge.DataSourceInfo, len(t.Functions))
	for terraform, token := range t.Functions {
		infos[terraform] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(name + ":" + token)}
	}
	return infos
}

func run() error {
	var table tokenTable
	if err := json.Unmarshal(tokensJSON, &table); err != nil {
		return fmt.Errorf("tokens.json: %w", err)
	}
	schema, err := json.Marshal(map[string]string{"name": name, "version": version})
	if err != nil {
		return err
	}
	tfbridge.Main(name, version, tfbridge.ProviderInfo{
		P:              shim.NewProvider(openstack.Provider()),
		Name:           name,
		Version:        version,
		ResourcePrefix: name,
		Resources:      table.resources(),
		DataSources:    table.functions(),
	}, schema)
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
